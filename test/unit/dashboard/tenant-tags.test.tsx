// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, expect, it, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import type { Api } from '../../../dashboard/app/api.ts';
import { TenantTags } from '../../../dashboard/app/tenant-tags.tsx';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';

let cleanUp: () => Promise<void> = async () => undefined;
afterEach(() => cleanUp());

const settle = (): Promise<void> => act(() => new Promise((resolve) => setTimeout(resolve)));

async function stage(changeTags: Api['changeTags'], roles = ['Tenants.Read', 'Tenants.Write']) {
  const tenant = { tenantId: 'id-Alpine', name: 'Alpine', tags: ['managed', 'tier=gold'], groups: ['served'] };
  const onChange = vi.fn<() => void>();
  const { root, unmount } = await rendered(
    signedIn({ changeTags }, <TenantTags tenant={tenant} onChange={onChange} />, roles),
  );
  cleanUp = unmount;
  const press = async (text: string): Promise<void> => {
    const button = [...root.querySelectorAll('button')].find((each) => each.textContent?.trim().startsWith(text));
    if (button === undefined) throw new Error(`no button ${text}`);
    button.focus();
    await act(() => button.click());
    await settle();
  };
  const add = async (text: string): Promise<void> => {
    const field = root.querySelector<HTMLInputElement>('#tag-new')!;
    await act(() => {
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await act(() => {
      root.querySelector<HTMLElement>('[type=submit]')!.focus();
      root.querySelector('form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    });
  };
  return { root, onChange, press, add };
}

const accepted = () => vi.fn<Api['changeTags']>(async (tenantId) => ({ tenantId, tags: [], added: [], removed: [] }));

it('sends all changes together, and a new value replaces the old one', async () => {
  const changeTags = accepted();
  const { root, onChange, press, add } = await stage(changeTags);
  await press('Change tags');
  await press('Save');
  expect(changeTags).not.toHaveBeenCalled();
  await add(' Tier=Silver ');
  await add('regulated');
  await press('Remove managed');
  expect(document.activeElement?.id).toBe('tag-new');
  expect(root.querySelector('dialog [role=status]')?.textContent).toBe(
    'Adds regulated, tier=silver. Removes managed, tier=gold.',
  );
  await press('Save');
  expect(changeTags).toHaveBeenCalledWith('id-Alpine', { add: ['regulated', 'tier=silver'], remove: ['managed'] });
  expect(onChange).toHaveBeenCalledOnce();
  expect(root.querySelector('dialog')).toBeNull();
});

it('says beside the field why a text is not a tag', async () => {
  const { root, press, add } = await stage(accepted());
  await press('Change tags');
  await add('two words');
  expect(document.activeElement?.id).toBe('tag-new');
  expect(root.querySelector('#tag-problem')?.textContent).toMatch(/^"two words" is not a tag: use at most 64 letters/);
  expect(root.querySelector('#tag-new')?.getAttribute('aria-invalid')).toBe('true');
});

it('keeps the changes if the broker refuses them', async () => {
  const failure = new ApiFailure({ title: 'Storage', detail: 'No.', advice: 'Later.', transient: true });
  const { root, onChange, press, add } = await stage(() => Promise.reject(failure));
  await press('Change tags');
  await add('regulated');
  await press('Save');
  expect(root.querySelector('dialog [role=alert]')?.textContent).toContain('Storage. No.');
  expect(root.querySelector('dialog [role=status]')?.textContent).toBe('Adds regulated.');
  expect(onChange).not.toHaveBeenCalled();
});

it('offers changes only to those who may make them, and records only to readers of the audit log', async () => {
  const { root } = await stage(accepted(), ['Tenants.Read']);
  expect(root.querySelector('button')).toBeNull();
  expect([...root.querySelectorAll('a')].map((link) => link.getAttribute('href'))).toEqual([
    '#/tenants?group=served',
    '#/tenants?tag=managed',
    '#/tenants?tag=tier%3Dgold',
  ]);
});
