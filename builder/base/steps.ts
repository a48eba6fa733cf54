/** Names and times the steps of a build; prints them on a terminal or when asked. */
export class Steps {
  readonly times: { name: string; ms: number }[] = [];

  constructor(private readonly log: (line: string) => void) {}

  time<T>(name: string, work: () => T): T {
    const start = performance.now();
    const result = work();
    this.#end(name, start);
    return result;
  }

  async timeAsync<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.#end(name, start);
    return result;
  }

  #end(name: string, start: number): void {
    const ms = performance.now() - start;
    this.times.push({ name, ms });
    this.log(`  ${name.padEnd(8)} ${ms.toFixed(0).padStart(5)} ms`);
  }
}
