// Measures the overview by hand: node paint.mjs SOCKET [PATH]. Bytes over the wire and the time to the first paint, of each of ten first visits (nothing is kept from the one before) in a browser that is open.
import { chromium } from "playwright-core";
import { bridge } from "./bridge.mjs";

const [socket, path = "/"] = process.argv.slice(2);
const at = await bridge(socket);
const figures = [];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
for (let i = 0; i < 10; i++) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(at.url + path);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
  figures.push(await page.evaluate(() => ({
    firstPaintMs: Math.round(performance.getEntriesByName("first-contentful-paint")[0].startTime),
    bytes: [performance.getEntriesByType("navigation")[0], ...performance.getEntriesByType("resource")].reduce((sum, entry) => sum + (entry.transferSize || 0), 0),
  })));
  await context.close();
}
await browser.close();
figures.sort((a, b) => a.firstPaintMs - b.firstPaintMs);
console.log(`first contentful paint: median ${figures[5].firstPaintMs} ms, most ${figures[9].firstPaintMs} ms; ${figures[0].bytes} bytes in all`);
at.close();
