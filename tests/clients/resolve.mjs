// Resolves flags on a server, as an application would: OpenFeature's SDK with its OFREP provider.
// Takes {address, token, asked: [[key, fallback, context], ...]}, prints a line of details for each.
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';

const { address, token, asked } = JSON.parse(process.argv[2]);
const headersFactory = () => [['Authorization', `Bearer ${token}`]];
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: address, headersFactory }));
const client = OpenFeature.getClient();
for (const [key, fallback, context] of asked) {
  console.log(JSON.stringify(await client.getBooleanDetails(key, fallback, context)));
}
await OpenFeature.close();
