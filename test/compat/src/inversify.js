// inversify: a container with decorated classes
import assert from 'node:assert/strict';
import 'reflect-metadata';
import { Container, inject, injectable } from 'inversify';
export async function run() {
  class Clock { now() { return 7; } }
  injectable()(Clock);
  class Service { constructor(clock) { this.clock = clock; } }
  injectable()(Service);
  inject('Clock')(Service, undefined, 0);
  const container = new Container();
  container.bind('Clock').to(Clock);
  container.bind('Service').to(Service);
  assert.equal(container.get('Service').clock.now(), 7);
}
