/** Where things are when the demo runs. */
export interface DemoUrls {
  readonly http: string
  readonly https: string
  readonly admin: string
  readonly tokenService: string
  readonly broker: string
  readonly petstore: string
  readonly configFile: string
}

/** What the demo prints once it runs: where everything is, and commands to paste. */
export function walkThrough(urls: DemoUrls): string {
  const pets = `"${urls.https}/petstore/v1/pet/findByStatus?status=available"`
  const token = `curl -sk -u demo:demo -d grant_type=client_credentials ${urls.https}/token`
  return `
The gateway is running.

  gateway        ${urls.https}  ${urls.http}
  health         ${urls.https}/health  ${urls.admin}/ready
  status page    ${urls.admin}/
  token service  ${urls.tokenService}  (client demo:demo)
  broker         ${urls.broker}  (admin:admin)
  petstore       ${urls.petstore}
  configuration  ${urls.configFile}

Try it in another terminal.

1. Get a token, and keep one in TOKEN:
${token}
TOKEN=$(${token} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

2. Call the API with it: 200 and pets.
curl -k -H "Authorization: Bearer $TOKEN" ${pets}

3. Revoke it: 200.
curl -k -u demo:demo -d "token=$TOKEN" ${urls.https}/revoke

4. Call the API again: 401.
curl -k -i -H "Authorization: Bearer $TOKEN" ${pets}

Stop with Ctrl+C. Started again, the gateway still refuses what was revoked, and accepts what was not.
`
}
