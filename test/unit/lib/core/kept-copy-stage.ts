import { type GetOptions, KeptCopy, type KeptCopySettings } from '../../../../src/lib/core/kept-copy.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';

export const fresh = 600_000;
export const usable = 86_400_000;
export const pause = 30_000;

/** A copy whose source a test controls: `answer` is what the next load does. */
export function stage(settings: Partial<KeptCopySettings<string>> = {}, background?: (work: () => void) => void) {
  const clock = new FakeClock();
  const kept: unknown[] = [];
  const copy = new KeptCopy<string>(
    { clock, background },
    {
      freshMs: () => fresh,
      usableMs: usable,
      pauseMs: () => pause,
      onKept: (failure) => kept.push(failure),
      ...settings,
    },
  );
  const source = { loads: 0, answer: (): Promise<string> => Promise.resolve('a'), signals: [] as AbortSignal[] };
  const load = (signal: AbortSignal): Promise<string> => {
    source.loads += 1;
    source.signals.push(signal);
    return source.answer();
  };
  const get = (options?: GetOptions) => copy.get(load, options);
  /** The value that the call resolved with, or `failed: ` and the message; undefined while it is pending. */
  const now = async (call: Promise<{ readonly value: string }>): Promise<string | undefined> => {
    let outcome: string | undefined;
    void call.then(
      ({ value }) => (outcome = value),
      (error: unknown) => (outcome = `failed: ${error instanceof Error ? error.message : String(error)}`),
    );
    await settle();
    return outcome;
  };
  const fail = (message: string): Error => {
    const error = new Error(message);
    source.answer = () => Promise.reject(error);
    return error;
  };
  const hang = (): PromiseWithResolvers<string> => {
    const pending = Promise.withResolvers<string>();
    source.answer = () => pending.promise;
    return pending;
  };
  return { clock, copy, source, get, now, fail, hang, kept };
}
