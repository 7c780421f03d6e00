import { setTimeout } from 'node:timers/promises'
import { postRevocation } from './entrances.js'
import { JUMPS } from './false-clock.js'
import type { PlannedFault } from './faults.js'
import type { Site } from './site.js'
import type { World } from './world.js'

type Recover = () => Promise<void>

/** More than wait for a store in memory. */
const FLOOD = 10_500
const PARALLEL = 32
/** Of a flood, so many are asked for afterwards: the first, and the last. */
const SAMPLE = 40
/** A clock's jump is seen after a second, ms. */
const JUMP_SEEN = 1_500

/** Does it; resolves to what undoes it. */
export async function inflict(world: World, fault: PlannedFault): Promise<Recover> {
  const site = world.sites[fault.gateway]
  if (site === undefined) throw new RangeError(`there is no gateway ${fault.gateway}`)
  const [target, what] = fault.kind.split(' ')
  switch (target) {
    case 'broker':
    case 'etcd':
      return onSource(world, target, fault, site)
    case 'disk':
      return onDisk(site, fault)
    case 'clock':
      return onClock(site, fault)
    case 'worker':
      if (what === 'frozen') return freeze(site, 'worker')
      site.gateway.killWorker()
      return () => site.gateway.replaced()
    case 'primary':
      if (what === 'frozen') return freeze(site, 'primary')
      await site.gateway.kill('primary')
      return () => site.start(fault.held)
    default:
      return onGateway(world, site, fault)
  }
}

async function onSource(world: World, source: 'broker' | 'etcd', fault: PlannedFault, site: Site): Promise<Recover> {
  const { sites } = world
  const [, what] = fault.kind.split(' ')
  if (what === 'cut' || what === 'hole') {
    const mend = sites.map((each) => each.sever(source, what))
    return async () => {
      for (const action of mend) action()
    }
  }
  const server = world[source]
  for (const { record } of sites) record.cutOff(source, performance.now())
  const back = () => {
    for (const { record } of sites) record.reconnected(source, performance.now())
  }
  if (what === 'frozen') {
    server.freeze()
    return async () => {
      server.thaw()
      back()
    }
  }
  await server.kill()
  if (what === 'flooded') await flood(world, site)
  return async () => {
    await server.restart()
    back()
  }
}

/** Revocations enter at one gateway while etcd is away. */
async function flood({ ledger, upstream, flooded }: World, site: Site): Promise<void> {
  const { name, incarnation: life, ports } = site.gateway
  if (ports === undefined) return
  let at = 0
  const client = async () => {
    for (let number = at++; number < FLOOD; number = at++) {
      const isAsked = number < SAMPLE / 2 || number >= FLOOD - SAMPLE / 2
      const token = isAsked ? await upstream.token() : undefined
      const jti = token?.jti ?? `flood-${number}`
      if (token !== undefined) ledger.published(jti, 'POST /revocations', performance.now(), name)
      const status = await postRevocation(ports.admin, { jti })
      if (token === undefined) continue
      flooded.push(token)
      if (status === 204) ledger.told(name, life, jti, performance.now())
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, client))
}

async function onGateway(world: World, site: Site, fault: PlannedFault): Promise<Recover> {
  const { gateway, record } = site
  const [, what] = fault.kind.split(' ')
  switch (what) {
    case 'cut':
    case 'hole': {
      const mend = [site.sever('broker', what), site.sever('etcd', what)]
      return async () => {
        for (const action of mend) action()
      }
    }
    case 'frozen':
      return freeze(site, 'all')
    case 'overlapped':
      await gateway.allListen()
      await site.configure() // the ports are taken
      await gateway.overlap()
      return async () => undefined
    default: {
      await gateway.kill()
      const isDurable = (token: string) => world.ledger.isDurable(token)
      if (what === 'replaced') {
        site.journal.clear()
        record.journalLost(performance.now(), 'lost', isDurable)
      } else if (what === 'damaged') {
        const where = site.journal.flip(fault.where)
        if (where !== undefined) {
          record.journalLost(performance.now(), `damaged (${where})`, isDurable, where === 'header')
        }
      }
      // A gateway that can know nothing must be seen to say so.
      return () => site.start(fault.held || what !== 'killed')
    }
  }
}

async function freeze({ gateway }: Site, target: 'all' | 'primary' | 'worker'): Promise<Recover> {
  gateway.freeze(target)
  return async () => gateway.thaw(target)
}

async function onDisk(site: Site, { kind, held }: PlannedFault): Promise<Recover> {
  const { journal, record, gateway } = site
  if (kind === 'disk full') {
    record.diskUnwritable(performance.now(), 'has no room on its disk')
    journal.fill()
    return async () => {
      journal.makeRoom()
      record.diskWritable(performance.now())
    }
  }
  await gateway.kill()
  journal.remount('ro')
  record.diskUnwritable(performance.now(), 'has a read-only disk')
  await site.start(held)
  return async () => {
    journal.remount('rw')
    record.diskWritable(performance.now())
  }
}

async function onClock(site: Site, { where, worse }: PlannedFault): Promise<Recover> {
  const { clock, gateway, record } = site
  const jump = JUMPS[Math.floor(where * JUMPS.length)] ?? 0
  if (worse) await gateway.kill()
  clock?.jump(jump)
  record.disturbed(performance.now(), `has its clock set ${jump} s away`)
  if (worse) await site.start(false)
  else await setTimeout(JUMP_SEEN)
  return async () => {
    clock?.jump(0)
    record.disturbed(performance.now(), 'has its clock set right')
    await setTimeout(JUMP_SEEN)
  }
}
