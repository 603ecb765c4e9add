/**
 * The postprovision hook of azd (azure.yaml). Only now is the address of the function app known: it is registered as an
 * address whose dashboard people sign in to. If Entra refuses that, the hook says so with the next step and succeeds, so that
 * azd deploys the app. It fails only if azd itself does: without the address, or if a value cannot be stored.
 */
import { type Hook, HookFailure, runHook, setUpApi } from './preprovision.ts';

export async function postprovision(hook: Hook): Promise<void> {
  const url = hook.environment['BROKER_URL'] ?? '';
  if (url === '') throw new HookFailure('BROKER_URL is not set: the template has no such output.');
  await setUpApi(hook, url);
}

if (import.meta.main) await runHook(postprovision);
