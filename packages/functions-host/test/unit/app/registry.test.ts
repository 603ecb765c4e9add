import { describe, expect, it } from 'vitest';
import { Registry } from '../../../src/app/registry.ts';

const metadata = (name: string) => ({ name, bindings: { t: { type: 'httpTrigger' } } });
const callback = (): undefined => undefined;

const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('Registry', () => {
  it('keeps functions by name without regard to case, and takes one back', () => {
    const registry = new Registry(() => undefined);
    const undo = registry.registerFunction(metadata('Hello'), callback);
    expect(registry.functions.get('hello')).toEqual({ metadata: metadata('Hello'), callback });
    expect(thrown(() => registry.registerFunction(metadata('HELLO'), callback))).toMatchObject({
      message: 'A function with the id "HELLO" has already been registered.',
      isAzureFunctionsSystemError: true,
    });
    undo();
    registry.registerFunction(metadata('HELLO'), callback);
    expect([...registry.functions.keys()]).toEqual(['hello']);
  });

  it('takes no function after the start', () => {
    const registry = new Registry(() => undefined);
    registry.lock();
    expect(thrown(() => registry.registerFunction(metadata('late'), callback))).toMatchObject({
      message: 'A function can only be registered during app startup.',
      isAzureFunctionsSystemError: true,
    });
    expect(registry.functions.size).toBe(0);
  });

  it('keeps the hooks of each kind in their order, and takes one back once', () => {
    const registry = new Registry(() => undefined);
    const [one, two] = [(): number => 1, (): number => 2];
    const undo = registry.registerHook('preInvocation', one);
    registry.registerHook('preInvocation', two);
    expect(registry.hooks('preInvocation')).toEqual([one, two]);
    for (const other of ['appStart', 'appTerminate', 'postInvocation', 'log'] as const)
      expect(registry.hooks(other)).toEqual([]);
    undo();
    undo();
    expect(registry.hooks('preInvocation')).toEqual([two]);
  });

  it('refuses a hook that it does not know, so that the library sees an old host', () => {
    const error = thrown(() => new Registry(() => undefined).registerHook('preStart', callback));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ message: 'Unrecognized hook "preStart"', isAzureFunctionsSystemError: true });
  });
});
