/** A vitest reporter that names each skipped test and its reason at the end of a run, so that no test is missed silently. */
import type { Reporter, TestModule, Vitest } from 'vitest/node';

export interface SkippedTest {
  /** Path of the test file, relative to the project. */
  readonly file: string;
  readonly name: string;
  /** Why it is skipped. Absent if the test does not say it. */
  readonly reason?: string | undefined;
}

/** The lines to print. Tests with the same reason follow one heading. */
export function skippedLines(tests: readonly SkippedTest[]): string[] {
  if (tests.length === 0) return [];
  const groups = Map.groupBy(tests, ({ reason = 'no reason given' }) => reason);
  const lines = [...groups].flatMap(([reason, group]) => [
    `  ${reason}`,
    ...group.map(({ file, name }) => `    ${file}: ${name}`),
  ]);
  return [`${tests.length} skipped ${tests.length === 1 ? 'test' : 'tests'}:`, ...lines];
}

function skippedIn(module: TestModule): SkippedTest[] {
  return [...module.children.allTests('skipped')].map((test) => {
    const result = test.result();
    const note = result.state === 'skipped' ? result.note : undefined;
    return { file: module.relativeModuleId, name: test.fullName, reason: test.meta().skipReason ?? note };
  });
}

export default class SkippedTestsReporter implements Reporter {
  #filtered = false;

  onInit(vitest: Vitest): void {
    // With `-t`, all tests of other names count as skipped.
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (this.#filtered) return;
    for (const line of skippedLines(modules.flatMap(skippedIn))) console.log(line);
  }
}
