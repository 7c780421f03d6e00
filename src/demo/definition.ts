/** The list of URLs of an OpenAPI definition's production endpoint, in either of YAML's styles. */
const PRODUCTION_URLS =
  /^(x-wso2-production-endpoints:[ \t]*\r?\n(?:[ \t]+.*\r?\n)*?([ \t]+)urls:)[ \t]*(?:\[[^\]]*\]|(?:\r?\n\2[ \t]*-.*)+)/m

/**
 * The text of an OpenAPI definition (YAML) with its API's production endpoint replaced, and nothing else changed:
 * comments stay. Throws an error when it has no `x-wso2-production-endpoints` with `urls` at its top level.
 */
export function withProductionEndpoint(definition: string, url: string): string {
  if (!PRODUCTION_URLS.test(definition)) {
    throw new TypeError('the petstore definition has no x-wso2-production-endpoints with urls')
  }
  return definition.replace(PRODUCTION_URLS, (_, before: string) => `${before} [${JSON.stringify(url)}]`)
}
