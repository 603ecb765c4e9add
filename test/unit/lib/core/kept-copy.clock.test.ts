import { describe, expect, it } from 'vitest';
import { fresh, stage, usable } from './kept-copy-stage.ts';

describe('KeptCopy with a clock that is set back', () => {
  it('loads a fresh copy again instead of postponing the load', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(-1);
    source.answer = () => Promise.resolve('b');
    expect(await get()).toMatchObject({ value: 'b' });
    await get();
    expect(source.loads).toBe(2);
  });

  it('ends the pause after a failure, with a copy and without', async () => {
    const { clock, source, get, now, fail } = stage();
    fail('down');
    await now(get());
    await clock.advance(-3_600_000);
    source.answer = () => Promise.resolve('a');
    expect(await now(get())).toBe('a');
    await clock.advance(fresh);
    fail('down');
    await get();
    await clock.advance(-1);
    source.answer = () => Promise.resolve('b');
    expect(await now(get())).toBe('b');
  });

  it('loads for a caller that wants a recent load', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(-1);
    await get({ freshMs: 5_000 });
    expect(source.loads).toBe(2);
  });

  it('does not use the copy if the clock is set back by more than usableMs', async () => {
    const { clock, get, now, fail } = stage();
    await get();
    fail('down');
    await clock.advance(-usable + 1);
    expect(await now(get())).toBe('a');
    await clock.advance(-1);
    expect(await now(get())).toBe('failed: down');
  });
});
