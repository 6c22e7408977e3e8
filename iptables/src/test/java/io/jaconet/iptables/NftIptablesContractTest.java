package io.jaconet.iptables;

import io.jaconet.testkit.IptablesManagerContract;
import java.io.IOException;

class NftIptablesContractTest implements IptablesManagerContract {
  @Override
  public Host host() throws IOException {
    return FilterHost.shared(Driver.IPTABLES_NFT);
  }
}
