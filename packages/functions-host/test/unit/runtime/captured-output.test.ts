import { afterEach, expect, it, vi } from 'vitest';
import { captureOutput, levelOfErrorLine } from '../../../src/runtime/captured-output.ts';

let end: (() => void) | undefined;
afterEach(() => {
  end?.();
  end = undefined;
});

it.each([
  ['Warning: this failed', 'warning'],
  ['an ERROR', 'error'],
  ['it failed', 'error'],
  ['severe', 'error'],
  ['Unhandled Exception', 'error'],
  ['all is well', 'information'],
])('gives the line "%s" the level %s', (line, level) => {
  expect(levelOfErrorLine(line)).toBe(level);
});

it('passes on whole lines of both streams, and the rest at the end', async () => {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const logged: string[] = [];
  const done = vi.fn<() => void>();
  end = captureOutput((...entry) => logged.push(entry.join(' ')));
  process.stdout.write('one\r\ntw');
  const two = Buffer.from('ö\n');
  process.stdout.write(two.subarray(0, 1));
  process.stdout.write(two.subarray(1), done);
  process.stderr.write('it failed\nthe rest');
  expect(logged).toEqual(['information console one', 'information console twö', 'error console it failed']);
  end();
  end = undefined;
  expect(logged.slice(3)).toEqual(['information console the rest']);
  expect(out).not.toHaveBeenCalled();
  process.stdout.write('after the end');
  expect(out.mock.calls).toEqual([['after the end']]);
  await expect.poll(() => done.mock.calls.length).toBe(1);
});
