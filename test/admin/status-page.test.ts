import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { world } from '../support/gateway.js'
import { startCluster } from '../workers/cluster.js'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((file) => existsSync(file))
const AXE = readFileSync(createRequire(join(process.cwd(), 'package.json')).resolve('axe-core/axe.min.js'), 'utf8')
/** A directory for screenshots, to look at. */
const SCREENSHOTS = process.env.MGW_SCREENSHOTS

const WINDOWS = {
  light: { colorScheme: 'light', width: 1200, height: 1000 },
  dark: { colorScheme: 'dark', width: 1200, height: 1000 },
  phone: { colorScheme: 'light', width: 360, height: 740 },
} as const

async function openPage(t: Test, url: string) {
  const browser = await chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  const asked: string[] = []
  const errors: string[] = []
  page.on('request', (request) => void asked.push(request.url()))
  page.on('console', (message) => void (message.type() === 'error' && errors.push(message.text())))
  page.on('pageerror', (error) => void errors.push(String(error)))
  await page.goto(url)
  return { page, asked, errors }
}

/** What axe finds wrong, and whether the page is wider than its window. */
async function problems(page: Page, name: keyof typeof WINDOWS): Promise<string[]> {
  const { colorScheme, ...size } = WINDOWS[name]
  await page.emulateMedia({ colorScheme })
  await page.setViewportSize(size)
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true })
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
  }
  const found = violations.flatMap(({ id, nodes }) => nodes.map((each) => `${id}: ${each.html} ${each.failureSummary}`))
  const isWider = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
  return isWider === true ? [...found, 'wider than its window'] : found
}

t.test(
  'the status page follows the gateway without a reload, asks nobody else, and axe finds nothing in light, dark and on a phone',
  { skip: CHROMIUM === undefined && 'chromium is not installed' },
  async (t) => {
    const w = await world(t)
    const gateway = await startCluster(t, w, 2)
    await gateway.known()
    await gateway.ready(2)
    const { page, asked, errors } = await openPage(t, `${gateway.admin}/`)
    await page.getByRole('heading', { name: 'Ready', exact: true }).waitFor()
    t.equal(await page.title(), 'mgw: ready')
    const worker = page.getByRole('table', { name: /worker process/ }).getByRole('row')
    t.equal(await worker.count(), 3, 'the heads and two workers')

    const token = await w.token()
    t.equal(await gateway.status(token), 200)
    await fetch(`${gateway.http}/things/v1/thing/1`)
    await w.revoke(token)
    const learnt = page.getByRole('table', { name: /learnt last/ }).getByRole('row', { name: /token [0-9a-f]{12}/ })
    await learnt.waitFor()
    t.match(await learnt.textContent(), /amqp-1-0/)
    while ((await gateway.status(token)) !== 401);
    await page.getByRole('img', { name: /^refused: revoked: 1 in the last 10 minutes/ }).waitFor()
    await page.getByRole('img', { name: /^answered by upstreams: [1-9]/ }).waitFor()

    await page.evaluate(AXE)
    for (const name of ['light', 'dark', 'phone'] as const) t.strictSame(await problems(page, name), [], name)

    await w.broker.close()
    await page.getByRole('row', { name: /amqp-1-0.*(gap|failed)/ }).waitFor()
    t.match(await page.getByRole('status').textContent(), /amqp-1-0 is now (gap|failed)/)
    t.strictSame(await problems(page, 'dark'), [], 'with a gap')
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, 'gap.png'), fullPage: true })

    t.strictSame(errors, [])
    const others = asked.filter((url) => !url.startsWith(`${gateway.admin}/`) && !url.startsWith('data:'))
    t.strictSame(others, [], 'requests to others')
    await gateway.process.end('SIGKILL')
    await page.getByRole('heading', { name: 'No answer' }).waitFor()
    await page.getByText('no answer; trying again').waitFor()
  },
)
