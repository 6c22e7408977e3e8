package io.jaconet.testkit;

import io.jaconet.spi.IptablesManager;

/** The fake keeps the promises that a real packet filter's keeper makes. */
class FakeIptablesManagerTest implements IptablesManagerContract {

  @Override
  public Host host() {
    return new FakeHost();
  }

  private static final class FakeHost implements Host {
    private final FakeIptablesManager manager = new FakeIptablesManager();

    @Override
    public IptablesManager manager() {
      return manager;
    }

    @Override
    public String dump() {
      return manager.present().toString();
    }

    @Override
    public void damage() {
      manager.damage();
    }

    @Override
    public void close() {}
  }
}
