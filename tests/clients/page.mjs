// A page that shows a flag, and again whenever its provider says that flags have changed.
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';

const { address, token, org, key } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const client = OpenFeature.getClient();
const show = () => globalThis.shown(client.getBooleanDetails(key, false));
client.addHandler(ProviderEvents.Ready, show);
client.addHandler(ProviderEvents.ConfigurationChanged, show);
await OpenFeature.setContext({ targetingKey: org });
await OpenFeature.setProviderAndWait(
  new OFREPWebProvider({
    baseUrl: address,
    headers: [['Authorization', `Bearer ${token}`]],
    pollInterval: -1, // what it shows next, it was told by the event stream
  }),
);
