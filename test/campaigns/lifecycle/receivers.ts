import type { Notice } from '../../../src/lib/notices/notice.ts';
import type { Target } from '../../../src/lib/notices/target.ts';

/** A chat and a program that accept everything, and count what they are told. They share no code with the broker. */
export class Receivers {
  /** Messages in the chat. */
  messages = 0;
  /** Events that the messages tell of, by what people read. */
  readonly chat = new Map<string, number>();
  /** Requests to the program, by event. */
  readonly program = new Map<string, number>();

  readonly targets: readonly Target[] = [
    this.#target('chat', true, ({ kind, title }) => {
      this.messages += 1;
      const [, tenants, times] = /^(\d+) tenants: .*?(?:, (\d+) times)?$/.exec(title) ?? [];
      add(this.chat, kind, Number(times ?? tenants ?? 1));
    }),
    this.#target('webhook', false, ({ key }) => add(this.program, key, 1)),
  ];

  #target(name: Target['name'], bundles: boolean, got: (notice: Notice) => void): Target {
    const send: Target['send'] = async (notice) => {
      got(notice);
      return { is: 'delivered' };
    };
    return { name, title: name, setting: 'SETTING', addressDigest: 'here', bundles, send };
  }
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
