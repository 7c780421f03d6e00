/** The status with which a gateway answers a call of its API with a token, over a connection of its own. */
export async function statusOf(origin: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  return (await fetch(`${origin}/things/1`, { headers })).status
}

/** The statuses over as many connections as reach every worker. */
export async function statuses(origin: string, token: string): Promise<Set<number>> {
  return new Set(await Promise.all(Array.from({ length: 8 }, () => statusOf(origin, token))))
}
