import { expect, it } from 'vitest';
import { installCoreModule, Registry } from '../../src/testing.ts';

it('collects the registrations of an app without running it', async () => {
  const registry = new Registry(() => undefined);
  installCoreModule(registry);
  await import('../e2e/apps/settings.ts');
  expect([...registry.functions.keys()]).toEqual(['settings']);
  const bindings = Object.values(registry.functions.get('settings')?.metadata.bindings ?? {});
  expect(bindings).toContainEqual(expect.objectContaining({ type: 'httpTrigger', methods: ['GET'] }));
});
