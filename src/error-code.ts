/** Whether an error has one of these codes: Node's (`ENOENT`, `ERR_BUFFER_TOO_LARGE`) or one of ours. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code)
}
