type Ask = (question: string) => Promise<string>;

/** What a person has typed to log in, so that the next connection of the same command need not ask again. In memory only. */
export class Answers {
  private readonly known = new Map<string, string>();

  /** @param ask asks the person */
  constructor(private readonly ask: Ask) {}

  /**
   * For one connection.
   * @returns `ask` gives a known answer once: asked again, it was wrong, and the person is asked. `keep` is for when it was let in.
   */
  forOne(): { ask: Ask; keep: () => void } {
    const given = new Map<string, string>();
    const ask = async (question: string): Promise<string> => {
      const known = given.has(question) ? undefined : this.known.get(question);
      const answer = known ?? (await this.ask(question));
      given.set(question, answer);
      return answer;
    };
    return { ask, keep: () => given.forEach((answer, question) => this.known.set(question, answer)) };
  }
}
