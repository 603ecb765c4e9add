import { installCoreModule, Registry } from 'functions-host/testing';
import { type DocumentedRoute, documentRoutes } from '../../src/lib/api/route.ts';

// Without a host, the Functions library would warn about each registration.
installCoreModule(new Registry(() => undefined));
const { declaredRoutes } = await import('../../src/functions/route.ts');
await import('../../src/index.ts');

/** Every route that the app declares, with its texts and examples. */
export const routes: readonly DocumentedRoute[] = await documentRoutes(declaredRoutes());
