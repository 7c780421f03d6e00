import { type AdminServer, type LogLevelOptions, startAdmin } from '../admin/index.js'
import type { Config } from '../config/index.js'
import type { Logging } from '../logging/index.js'
import type { Asker, RevocationRecord } from '../revocation/index.js'
import type { Explainer } from './explainer.js'
import { issuersServers, namesIssuers } from './issuers.js'
import { opened } from './listeners.js'
import type { Observer } from './observing.js'
import type { Reloading } from './reloading.js'
import type { Revocations } from './revocations.js'
import type { ServedInputs } from './served-inputs.js'

/** What the admin listener tells of, and acts on. */
export interface AdminParts {
  readonly revocations: Revocations
  readonly revoke: (record: RevocationRecord, asker: Asker) => Promise<void>
  readonly observer: Observer
  readonly explainer: Explainer
  readonly logLevel: LogLevelOptions
  readonly served: Pick<ServedInputs, 'configs'>
  readonly reloading: Reloading
}

/** Opens the admin listener. Throws as `opened` does. */
export function openAdmin(
  config: Config,
  { revocations, revoke, observer, explainer, logLevel, served, reloading }: AdminParts,
  logging: Logging,
): Promise<AdminServer> {
  const { admin } = config
  const { host, port, hosts } = admin
  const start = () =>
    startAdmin({
      host,
      port,
      hosts,
      revocations: {
        token: admin.token,
        now: () => revocations.notBefore,
        issuersNow: () => revocations.issuersNow(served.configs.flatMap(issuersServers), config.server.timestampSkew),
        revoke,
        ofItsIssuer: () => served.configs.every(namesIssuers),
        logger: logging('Admin'),
      },
      logger: logging('Admin'),
      readiness: () => observer.readiness(),
      metrics: () => observer.metrics(),
      status: () => observer.status(),
      logLevel,
      reload: (workers) => reloading.reload({ workers }),
      questions: {
        lookUpToken: (token) => explainer.lookUpToken(token),
        lookUp: (record) => explainer.lookUp(record),
        explain: (request) => explainer.explain(request),
      },
    })
  return opened(start, { section: 'admin', key: 'port', host, port })
}
