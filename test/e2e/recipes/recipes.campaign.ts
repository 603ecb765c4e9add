// The recipes over all tenants, also with programs that take long to start.
process.env['RECIPE_TENANTS'] = 'all';
await import('./recipes.test.ts');
