/** What a test's `t.teardown` does, for a program: what was started last ends first. */
export class Teardowns {
  readonly #actions: (() => unknown)[] = []

  teardown(action: () => unknown): void {
    this.#actions.push(action)
  }

  async end(): Promise<void> {
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      await Promise.resolve(action()).catch((error: unknown) => console.error('teardown:', error))
    }
  }
}
