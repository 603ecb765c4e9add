/** The host refuses an action. The orchestration fails with this message. */
export class ActionRefusedError extends Error {
  override readonly name = 'ActionRefusedError';
}
