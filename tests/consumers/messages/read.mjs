// Reads topics from their beginning with kafkajs and the CloudEvents SDK of the CNCF.
// usage: node read.mjs <modules> <broker> <count> <topic>...; prints one event as JSON per line.
import { createRequire } from "node:module";

const [modules, broker, count, ...topics] = process.argv.slice(2);
const load = createRequire(modules + "/");
const { Kafka, logLevel } = load("kafkajs");
const { Kafka: binding } = load("cloudevents");

const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: `cloudevents-${process.pid}` });
let left = Number(count);
await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ topic, message }) => {
    const headers = Object.fromEntries(
      Object.entries(message.headers).map(([name, value]) => [name, value.toString()]),
    );
    const event = binding.toEvent({ headers, key: message.key.toString(), value: message.value });
    event.validate();
    console.log(JSON.stringify({ topic, event }));
    // What was written to a pipe may not have left yet.
    if (--left === 0) process.stdout.write("", () => process.exit(0));
  },
});
