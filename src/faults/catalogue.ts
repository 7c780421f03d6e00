import { Fault } from './fault.js'

/**
 * Every answer that the gateway makes instead of an upstream, by name. Codes, texts and layouts are those of WSO2 API
 * Microgateway, to the letter, so that clients that read them go on working. docs/errors.md lists them.
 */
export const faults = {
  badRequest: report(400, 'Bad Request', 'The request cannot be read in one way only'),
  noApi: report(404, 'Runtime Error', 'No matching resource found for given API Request'),
  methodNotAllowed: report(405, 'Runtime Error', 'Method not allowed for given API resource'),
  requestTimeout: report(408, 'Request Timeout', 'The request body did not arrive in time'),
  entityTooLarge: report(413, 'Payload Too Large', 'The request body is larger than the gateway allows'),
  uriTooLong: report(414, 'URI Too Long', 'The request target is longer than the gateway allows'),
  overloaded: report(503, 'Service Unavailable', 'The gateway has too many requests', { 'retry-after': '1' }),

  unclassified: fault(500, 900900, 'Unclassified Authentication Failure'),
  notSynchronised: fault(
    503,
    900900,
    'Unclassified Authentication Failure',
    'The gateway has not yet synchronised its revocation list',
    { 'retry-after': '5' },
  ),
  revocationUnconfirmed: fault(
    503,
    900900,
    'Unclassified Authentication Failure',
    'The revocation could not be confirmed, send it again',
    { 'retry-after': '5' },
  ),
  keyManagerUnavailable: fault(
    503,
    900900,
    'Unclassified Authentication Failure',
    'The key manager cannot be asked about the access token at the moment',
    { 'retry-after': '5' },
  ),
  invalidCredentials: fault(
    401,
    900901,
    'Invalid Credentials',
    'Make sure you have given the correct access token',
    challenge(),
  ),
  missingCredentials: fault(
    401,
    900902,
    'Missing Credentials',
    'Make sure your API request provides required credentials',
    challenge(),
  ),
  noResource: fault(
    403,
    900906,
    'No matching resource found in the API for the given request',
    'Check the API documentation and add a proper REST resource path to the invocation URL',
  ),
  notServed: fault(
    403,
    900908,
    'Resource forbidden',
    'The gateway does not serve this operation: its API definition protects it by a scheme that the gateway does not support',
  ),
  scopeNotAllowed: fault(403, 900910, 'The access token does not allow you to access the requested resource'),
  noProductionEndpoint: keyMismatch('Production key offered to the API with no production endpoint'),
  noSandboxEndpoint: keyMismatch('Sandbox key offered to the API with no sandbox endpoint'),
  upstreamUnreachable: fault(502, 101503, 'Runtime Error', 'Error connecting to the back end'),
  upstreamSuspended: fault(
    503,
    101503,
    'Runtime Error',
    'The back end has failed too often and is not called for a while',
    {
      'retry-after': '5',
    },
  ),
  upstreamTimeout: fault(504, 101504, 'Runtime Error', 'Connection timed out'),
} as const

/** The name of a fault of the catalogue. */
export type FaultName = keyof typeof faults

/** WSO2's challenge (RFC 9110 §11.6.1), the same whatever is wrong with the credentials: the space before the comma too. */
function challenge(): Record<string, string> {
  return {
    'www-authenticate':
      'OAuth2 realm="WSO2 API Microgateway", error="invalid token" , error_description="The access token expired"',
  }
}

function fault(status: number, code: number, message: string, detail?: string, headers: Record<string, string> = {}) {
  const description = detail === undefined ? message : `${message}. ${detail}`
  return new Fault(
    status,
    code,
    `{"fault":{"code":${code}, "message":"${message}", "description":"${description}"}}`,
    headers,
  )
}

function report(status: number, message: string, description: string, headers: Record<string, string> = {}) {
  return new Fault(
    status,
    status,
    `{"code":${status},"type":"Status report","message":"${message}","description":"${description}"}`,
    headers,
  )
}

function keyMismatch(message: string) {
  return new Fault(403, 900901, `{"ERROR_CODE":"900901","ERROR_MESSAGE":"${message}"}`)
}
