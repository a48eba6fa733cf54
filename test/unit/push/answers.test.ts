import { describe, expect, it } from "vitest";
import { Answers } from "../../../builder/push/ssh/answers";

describe("what a person types to log in", () => {
  it("is asked for once for all connections, and again where it was wrong", async () => {
    const typed = ["wrong", "right", "new"];
    const asked: string[] = [];
    const answers = new Answers((question) => (asked.push(question), Promise.resolve(typed.shift() ?? "")));
    const first = answers.forOne();
    expect([await first.ask("password: "), await first.ask("password: ")]).toEqual(["wrong", "right"]);
    first.keep();
    const second = answers.forOne();
    expect(await second.ask("password: ")).toBe("right");
    expect(asked).toHaveLength(2);
    // It is not any more.
    expect(await second.ask("password: ")).toBe("new");
  });

  it("is not kept where nobody was let in", async () => {
    let asked = 0;
    const answers = new Answers(() => Promise.resolve(String((asked += 1))));
    await answers.forOne().ask("password: ");
    expect(await answers.forOne().ask("password: ")).toBe("2");
  });
});
