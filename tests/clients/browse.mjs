// Opens the page in a browser, from an origin of its own, and prints what it shows, line by line.
// Takes {browser, address, token, org, key}; ends when its standard input does.
import { createServer } from 'node:http';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const { browser: executablePath, ...asked } = JSON.parse(process.argv[2]);
const bundle = await build({
  entryPoints: [new URL('page.mjs', import.meta.url).pathname],
  bundle: true,
  format: 'esm',
  write: false,
});
const html = '<!doctype html><script type="module" src="/page.js"></script>';
const pages = createServer((request, response) => {
  const script = request.url === '/page.js';
  response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
  response.end(script ? bundle.outputFiles[0].text : html);
});
await new Promise((listening) => pages.listen(0, '127.0.0.1', listening));

const browser = await chromium.launch({
  executablePath,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const page = await browser.newPage();
const say = (told) => console.log(JSON.stringify(told));
page.on('load', () => say({ loaded: true }));
page.on('console', (message) => message.type() === 'error' && say({ error: message.text() }));
page.on('pageerror', (error) => say({ error: String(error) }));
page.on('response', (answer) => {
  if (answer.url().startsWith(asked.address)) {
    const method = answer.request().method();
    say({ asked: `${method} ${new URL(answer.url()).pathname}`, status: answer.status() });
  }
});
await page.exposeFunction('shown', (value) => say({ shown: value }));
await page.goto(
  `http://127.0.0.1:${pages.address().port}/#${encodeURIComponent(JSON.stringify(asked))}`,
);
for await (const _ of process.stdin);
await browser.close();
pages.close();
pages.closeAllConnections();
