/** The authorization level that the Functions host enforces, in addition to the checks of the app. */
export type CallerAuthLevel = 'anonymous' | 'function';

/**
 * Reads FUNCTION_KEYS, which registrations need before the other settings are validated. Every value other than `off`
 * requires a key: a misspelt setting must not remove a check.
 */
export function callerAuthLevel(environment: Readonly<Record<string, string | undefined>>): CallerAuthLevel {
  const { FUNCTION_KEYS: value = '' } = environment;
  return value === '' || value === 'off' ? 'anonymous' : 'function';
}
