import { expect, it, vi } from 'vitest';
import { stderrLogger } from '../../../../src/cli/sign-in/stderr-logger.ts';

it('a command shows warnings and errors of the libraries, and nothing else', () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  for (const level of ['info', 'warn', 'error'] as const) stderrLogger.log(level, `test.${level}`, {});
  const lines = write.mock.calls.map(([text]) => String(text));
  write.mockRestore();
  expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['test.warn', 'test.error']);
  expect(lines.every((line) => line.endsWith('}\n'))).toBe(true);
});
