/** What the Functions host asks of callers itself, beside what the app asks. */
export type CallerAuthLevel = 'anonymous' | 'function';

/**
 * FUNCTION_KEYS alone, as the registrations need it, before anything else is checked. What is neither `off` nor absent
 * asks for a key: a setting that is misspelt must not open a gate.
 */
export function callerAuthLevel(environment: Readonly<Record<string, string | undefined>>): CallerAuthLevel {
  const { FUNCTION_KEYS: value = '' } = environment;
  return value === '' || value === 'off' ? 'anonymous' : 'function';
}
