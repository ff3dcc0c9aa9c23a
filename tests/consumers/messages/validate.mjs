// Validates the AsyncAPI document with the official parser, and every fixture by its schemas.
// usage: node validate.mjs <modules> <document> <fixtures>; prints one line per problem.
import { createRequire } from "node:module";
import { readFileSync, readdirSync } from "node:fs";

const [modules, document, fixtures] = process.argv.slice(2);
const load = createRequire(modules + "/");
const { Parser } = load("@asyncapi/parser");
const Ajv = load("ajv").default ?? load("ajv");

const { document: parsed, diagnostics } = await new Parser().parse(readFileSync(document, "utf8"));
for (const found of diagnostics.filter((each) => each.severity === 0)) {
  console.log(`document: ${found.message} at ${found.path.join(".")}`);
}
if (parsed === undefined) process.exit(1);

const MESSAGES = {
  "OrgState.v1.json": "state",
  "OrgState.v1.gone.json": "gone",
  "Heartbeat.v1.json": "heartbeat",
  "DeadLetter.v1.json": "deadLetter",
};
const ajv = new Ajv({ strict: false, validateFormats: false });
const described = Object.fromEntries(
  parsed.components().messages().all().map((message) => [message.id(), message]),
);
for (const name of readdirSync(fixtures)) {
  const sent = JSON.parse(readFileSync(`${fixtures}/${name}`, "utf8"));
  const message = described[MESSAGES[name] ?? "event"];
  const channel = parsed.channels().all().find((each) => each.address() === sent.topic);
  if (channel === undefined) console.log(`${name}: no channel ${sent.topic}`);
  else if (!channel.messages().all().some((each) => each.id() === message.id()))
    console.log(`${name}: not a message of ${sent.topic}`);
  for (const [part, value] of [["headers", sent.headers], ["payload", sent.value]]) {
    const schema = message[part]().json();
    if (!ajv.validate(schema, value)) console.log(`${name}: ${part} ${ajv.errorsText()}`);
  }
}
