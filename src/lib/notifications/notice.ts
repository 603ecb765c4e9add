/** Something that a person should hear about. Goes to a chat: no secret, and nothing that only auditors may see. */
export interface Notice {
  readonly severity: 'info' | 'warning' | 'error';
  readonly title: string;
  /** One or two sentences: what happened, what to do. */
  readonly text: string;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
}

/** Tells people. */
export interface Notifier {
  /** @throws BrokerError resource_error or throttled when the message was not taken; the sender repeats it later. */
  send(notice: Notice): Promise<void>;
}

/** Where nobody wants to hear. */
export const silentNotifier: Notifier = { send: () => Promise.resolve() };
