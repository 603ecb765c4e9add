/** The program cannot be started, for no tenant. */
export class NotStartedError extends Error {
  override readonly name = 'NotStartedError';
}
