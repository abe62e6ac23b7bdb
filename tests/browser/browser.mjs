// Drives Chromium: takes a line of JSON after the other on standard input, and answers each with one.
//
//     node browser.mjs PROFILE_FOLDER
//
//     {"page": 3, "action": "evaluate", "with": ["uppy.getFiles().length"]}    ->    {"result": 1}
//
// Ends, and the browser with it, at the end of its input.

import readline from 'node:readline'
import puppeteer from 'puppeteer-core'

const browser = await puppeteer.launch({
  executablePath: '/usr/bin/chromium',
  userDataDir: process.argv[2],
  pipe: true,
  timeout: 55_000, // less than CHROMIUM_PATIENCE in browser.py
  args: [
    '--no-sandbox', // root has none, nor have most containers; what it loads are the tests' own pages
    '--disable-dev-shm-usage', // containers have little of it
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
})
const pages = []

const actions = {
  // In the page, or in a new one with storage and caches of its own; the page's number.
  async open(page, url) {
    if (!page) {
      page = await (await browser.createBrowserContext()).newPage()
      page.setDefaultTimeout(50_000) // PAGE_PATIENCE
      page.on('pageerror', (error) => console.error(`${page.url()}: ${error}`))
      pages.push(page)
    }
    await page.goto(url)
    return pages.indexOf(page)
  },
  async choose(page, selector, file) {
    const input = await page.waitForSelector(selector)
    await input.uploadFile(file)
  },
  wait: (page, expression, timeout) =>
    page.waitForFunction(expression, { polling: 10, timeout }).then((value) => value.jsonValue()),
  evaluate: (page, expression) => page.evaluate(expression),
  click: (page, selector) => page.locator(selector).click(),
  reload: async (page) => void (await page.reload()),
  screenshot: async (page, path) => void (await page.screenshot({ path })),
  close: (page) => page.browserContext().close(),
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { page, action, with: values } = JSON.parse(line)
  let answer
  try {
    answer = { result: (await actions[action](pages[page], ...values)) ?? null }
  } catch (error) {
    answer = { error: String(error) }
  }
  console.log(JSON.stringify(answer))
}
await browser.close()
