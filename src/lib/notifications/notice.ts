/** A message for people, sent to a chat. Contains no secrets and nothing that only auditors may see. */
export interface Notice {
  readonly severity: 'info' | 'warning' | 'error';
  readonly title: string;
  /** One or two sentences: what happened, then what to do. */
  readonly text: string;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
}

/** Sends notices. */
export interface Notifier {
  /** @throws BrokerError resource_error or throttled if the notice was not accepted. The caller sends it again later. */
  send(notice: Notice): Promise<void>;
}

/** Sends nothing, for deployments without a webhook. */
export const silentNotifier: Notifier = { send: () => Promise.resolve() };
