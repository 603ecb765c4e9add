import { type ComponentChild, render } from 'preact';
import { act } from 'preact/test-utils';
import type { Api } from '../../../dashboard/app/api.ts';
import type { Session } from '../../../dashboard/app/session.ts';

export const session: Session = { token: 'token', name: 'operator', roles: ['Audit.Read'], expiresAtMs: 0 };

/** An API of which a test provides the methods that it expects to be called. */
export const apiWith = (methods: Partial<Api>): Api =>
  new Proxy(methods as Api, {
    get: (target, name: keyof Api) => {
      if (target[name] === undefined) throw new Error(`The test provides no ${name}.`);
      return target[name];
    },
  });

/** Renders into a new element of the page and runs the effects. */
export async function rendered(child: ComponentChild): Promise<{
  readonly root: HTMLElement;
  readonly rerender: (next: ComponentChild) => Promise<void>;
  readonly unmount: () => Promise<void>;
}> {
  const root = document.createElement('div');
  document.body.append(root);
  const show = (next: ComponentChild): Promise<void> => act(() => render(next, root));
  await show(child);
  return {
    root,
    rerender: show,
    unmount: async () => {
      await show(null);
      root.remove();
    },
  };
}
