// The petstore and the token service of `mgw demo`, without its gateway and broker: for docker-compose.yml. They listen on loopback,
// at 9080 and 9443. The token service tells nobody of a revocation: who operates it has to.
import { Secret } from '../../dist/src/config/index.js'
import { startPetstore } from '../../dist/src/demo/petstore/petstore.js'
import { startTokenService } from '../../dist/src/demo/token-service/index.js'

const [directory = 'data/token-service'] = process.argv.slice(2)
const petstore = await startPetstore({ port: 9080 })
const tokenService = await startTokenService({
  port: 9443,
  directory,
  client: { name: 'demo', password: new Secret('demo') },
  admin: { name: 'admin', password: new Secret('admin') },
})
console.log(`petstore ${petstore.url}, token service ${tokenService.url}`)
process.once('SIGTERM', async () => {
  await tokenService.close()
  await petstore.close()
})
