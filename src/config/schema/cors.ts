import { z } from 'zod'
import { bool, headerName, key, someText, table } from './values.js'

/** What browsers of other origins may do (Fetch standard). Header names are in lower case, methods in upper case. */
export interface Cors {
  readonly allowOrigins: readonly string[]
  /** Never for every origin (`*`): each site that a user visits could call as that user. */
  readonly allowCredentials: boolean
  readonly allowHeaders: readonly string[]
  readonly allowMethods: readonly string[]
  readonly exposeHeaders: readonly string[]
}

const MAX_LISTED = 256
const LONG = `must have at most ${MAX_LISTED} items`
const NAMES = { error: 'must be a list of strings' }
const names = z.array(headerName, NAMES).max(MAX_LISTED, LONG).prefault([])

/** `[keyManager.cors]`. An API's `x-wso2-cors` has the same keys. */
export const cors = table({
  corsConfigurationEnabled: key(bool.prefault(true), 'Whether this section has an effect.'),
  accessControlAllowOrigins: key(
    z.array(someText, NAMES).max(MAX_LISTED, LONG).prefault([]),
    'The origins whose pages may call /token, /userinfo and /revoke, as in "https://app.example"; "*" is every one.',
  ),
  accessControlAllowCredentials: key(
    bool.prefault(false),
    'Whether they may send cookies and the like. Not for every origin ("*").',
  ),
  accessControlAllowHeaders: key(names, 'The headers that they may send.'),
  accessControlAllowMethods: key(names, 'The methods that they may use.'),
  accessControlExposeHeaders: key(names, 'The headers of responses that they may read.'),
})

/** The settings as written, by their names of {@link cors}. */
export type CorsSettings = {
  readonly [Name in keyof z.output<typeof cors>]: z.output<typeof cors>[Name] extends boolean
    ? boolean
    : readonly string[]
}

const KEYS = new Map(Object.keys(cors.shape).map((name) => [name.toLowerCase(), name as keyof CorsSettings]))

/** The name in {@link cors} of a key that may be written `access-control-allow-origins`, as in WSO2's definitions. */
export function corsKey(written: string): keyof CorsSettings | undefined {
  return KEYS.get(written.replaceAll(/[-_]/g, '').toLowerCase())
}

/** What the settings mean; nothing where they are switched off. */
export function corsOf(settings: CorsSettings | undefined): Cors | undefined {
  if (settings?.corsConfigurationEnabled !== true) return undefined
  const { accessControlAllowOrigins: allowOrigins, accessControlAllowCredentials } = settings
  return {
    allowOrigins,
    allowCredentials: accessControlAllowCredentials && !allowOrigins.includes('*'),
    allowHeaders: settings.accessControlAllowHeaders.map((name) => name.toLowerCase()),
    allowMethods: settings.accessControlAllowMethods.map((name) => name.toUpperCase()),
    exposeHeaders: settings.accessControlExposeHeaders.map((name) => name.toLowerCase()),
  }
}

/** Whether the settings allow credentials to every origin, which {@link corsOf} does not. */
export function allowsEveryoneCredentials({
  corsConfigurationEnabled,
  accessControlAllowOrigins,
  accessControlAllowCredentials,
}: CorsSettings): boolean {
  return corsConfigurationEnabled && accessControlAllowCredentials && accessControlAllowOrigins.includes('*')
}
