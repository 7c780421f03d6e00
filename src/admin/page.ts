import { packageFile } from '../package-file.js'
import type { AdminAnswer } from './answer.js'

/** The page loads its own files and `/events`, and nothing else; nothing may frame it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' } as const

/** The status page and its files, by path: of the folder `web` of the package. */
export const PAGE: Readonly<Record<string, () => AdminAnswer>> = {
  '/': () => file('status.html', 'html'),
  '/status.css': () => file('status.css', 'css'),
  '/status.js': () => file('status.js', 'js'),
}

const read = new Map<string, string>()

function file(name: string, type: keyof typeof TYPES): AdminAnswer {
  const body = read.get(name) ?? packageFile(`web/${name}`)
  read.set(name, body)
  return {
    status: 200,
    body,
    headers: {
      'content-type': `${TYPES[type]}; charset=utf-8`,
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    },
  }
}
