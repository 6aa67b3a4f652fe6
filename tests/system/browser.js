// The web page in a real Chromium: log in, see new mail come in by itself, read it, write an answer with an attachment.
// node browser.js URL PASSWORD SCREENSHOTS; prints one line of JSON for each step, waits for a line on its input to go on.
"use strict";
const {chromium} = require(process.env.PEERPOST_PLAYWRIGHT || "playwright-core");
const readline = require("readline");
const path = require("path");

const [url, password, folder] = process.argv.slice(2);
const lines = readline.createInterface({input: process.stdin})[Symbol.asyncIterator]();
const say = async (step, more = {}) => {
  console.log(JSON.stringify({step, ...more}));
  return (await lines.next()).value;
};

(async () => {
  const browser = await chromium.launch({
    executablePath: process.env.PEERPOST_CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"],
  });
  const page = await browser.newPage({viewport: {width: 1000, height: 700}});
  const outside = [], trouble = [];
  page.on("request", r => { if (!r.url().startsWith(url) && !r.url().startsWith("data:")) outside.push(r.url()); });
  // what the page's policy stops is a request that failed before it left
  page.on("requestfailed", r => {
    if (/csp/i.test(r.failure().errorText) && outside.includes(r.url())) outside.splice(outside.indexOf(r.url()), 1);
  });
  page.on("dialog", d => { trouble.push("dialog: " + d.message()); d.dismiss(); });
  page.on("pageerror", e => trouble.push("error: " + e.message));
  const shot = name => page.screenshot({path: path.join(folder, name + ".png"), fullPage: true});

  await page.goto(url);
  await shot("login");
  await page.fill("input[name=password]", password);
  await page.click("button");
  await page.waitForSelector("#live", {state: "attached"});
  await say("inbox", {title: await page.title()});
  await page.waitForSelector("li.new a", {timeout: 30000}); // no reload: it comes by itself
  await shot("inbox");
  await page.click("li.new a");
  await page.waitForSelector("h1");
  await shot("message");
  const frame = page.frames().find(f => f.url().includes("/html"));
  await say("message", {
    subject: await page.textContent("h1"), signed: await page.textContent("dd.signed"),
    html: frame ? await frame.textContent("body") : null,
  });
  await page.click("text=Reply");
  await page.fill("textarea[name=text]", "Seen in a browser: grüße.");
  await page.setInputFiles("input[type=file]", {name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("attached")});
  await shot("write");
  await page.click("form.write button");
  await page.waitForSelector("table");
  await page.waitForSelector("td:has-text('stored 5 of 5')", {timeout: 30000});
  await shot("queue");
  await say("sent", {outside, trouble, url: page.url()});
  await browser.close();
  process.exit(0);
})().catch(e => { console.error(e); process.exit(1); });
