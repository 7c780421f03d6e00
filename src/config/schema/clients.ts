import { z } from 'zod'
import { bool, host, httpUrl, key, optionalText, port, secret, someText, table, word } from './values.js'

/** Keys of our own: `[[apis]]`, `[admin]`, `[logging]`. */

export const apiDefinitions = key(
  someText.prefault('api_definitions'),
  'The directory of the OpenAPI definitions, or one such file. At the top of the file, above every table.',
  { kind: 'path' },
)

const ENDPOINTS = { error: 'must be one or more http:// or https:// URLs, without user name or password' }

export const apis = key(
  z
    .array(
      table({
        name: key(someText.optional(), 'The API’s name. Required, unless there is a definition: then its title.'),
        basePath: key(
          someText.regex(/^\/[^\s?#]*$/, 'must be a path that begins with /').optional(),
          'The path that its requests begin with. Required, unless there is a definition: then as it says.',
        ),
        endpoints: key(
          z
            .union(
              [
                httpUrl.transform((value) => [value]),
                z.array(httpUrl, ENDPOINTS).min(1, ENDPOINTS).max(256, ENDPOINTS),
              ],
              ENDPOINTS,
            )
            .optional(),
          'The upstream’s URL, or several. Required, unless there is a definition: then as it says.',
        ),
        definition: key(optionalText, 'An OpenAPI file that names its resources; absent: every path and method.', {
          kind: 'file',
        }),
        strictUpstream: key(
          bool.optional(),
          'Whether the upstream tells /admin from /ADMIN, /admin/ and /admin.json; absent: as the definition says, else false.',
        ),
        encodedSlash: key(
          bool.optional(),
          'Whether an encoded slash (%2F) in a path is part of a value, and passed on as it came; absent: as the definition says, else 400.',
        ),
      }),
      { error: 'must be tables: [[apis]]' },
    )
    .max(4_096, 'must be at most 4096 tables')
    .prefault([]),
  'APIs that have no OpenAPI file in apiDefinitions.',
)

export const admin = table({
  host: key(host.prefault('127.0.0.1'), 'The address of the admin listener: health, readiness, revocations.'),
  port: key(port.prefault(9797), 'Its port; 0 takes any free one.'),
  hosts: key(
    z.array(host, { error: 'must be a list of host names' }).max(64, 'must be at most 64 host names').prefault([]),
    'Host names by which the admin listener is reached, beside localhost, its own, and any IP address. Others are refused.',
  ),
  token: key(
    secret.prefault(''),
    'The bearer token for POST /revocations, /revocations/lookup and /explain; empty: there are no such paths.',
    {
      kind: 'secret',
    },
  ),
}).prefault({})

export const logging = table({
  level: key(
    word(['info', 'trace', 'debug', 'warn', 'error', 'silent']).prefault('info'),
    'The least level that is written: trace, debug, info, warn, error, or silent.',
  ),
  format: key(word(['text', 'json']).prefault('text'), '"text": WSO2’s line layout; "json": one object a line.'),
}).prefault({})
