import { expect, it } from 'vitest';
import { RisingTime } from '../../../../../src/lib/audit/log/table-audit-log.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

const minute = 60_000;
const start = 1_000 * minute;

function timesOf() {
  const log = recordingLogger();
  let nowMs = start;
  const rising = new RisingTime({ nowMs: () => nowMs }, log.log);
  /** The time of a record that was made two seconds ago. */
  const at = (minutes: number): number => {
    nowMs = start + minutes * minute;
    return (rising.of(nowMs - 2_000) + 2_000 - start) / minute;
  };
  return { at, log };
}

it('keeps the time of a clock that runs, also after a small step back', () => {
  const { at, log } = timesOf();
  expect([0, 5, 4.5, 6].map(at)).toEqual([0, 5, 4.5, 6]);
  expect(log.events()).toEqual([]);
});

it('keeps the latest time while the clock is behind it, and says so once', () => {
  const { at, log } = timesOf();
  expect([0, 30, 10, 11, 29.5, 31].map(at)).toEqual([0, 30, 30, 30, 29.5, 31]);
  expect(log.events()).toEqual(['audit.clock_set_back']);
});

it('follows a clock that is set back by more than an hour, because it was wrong before', () => {
  const { at } = timesOf();
  expect([0, 600, 1, 2].map(at)).toEqual([0, 600, 1, 2]);
});
