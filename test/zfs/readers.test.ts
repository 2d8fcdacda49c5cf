// test-timeout-seconds: 1200
/** The readers' suite, over datasets of one pool. */
process.env['SNAPCOMMIT_TEST_VOLUMES'] = 'zfs';
process.env['SNAPCOMMIT_TEST_SHARE'] ??= '0.05';
await import('../scenarios/readers.test.js');
