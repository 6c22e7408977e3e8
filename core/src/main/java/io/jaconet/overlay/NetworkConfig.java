package io.jaconet.overlay;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;

/** The configuration that all hosts of a network share. */
public interface NetworkConfig {

  /** Returns the enabled families, at least one. */
  ImmutableSet<IpFamily> families();

  /** Returns the overlay's whole prefix, per enabled family. */
  ImmutableMap<IpFamily, IpPrefix> networks();

  /** Returns the prefix length of a lease, per enabled family. */
  ImmutableMap<IpFamily, Integer> subnetLengths();

  /** Returns the base address of the first subnet that may be leased, per enabled family. */
  ImmutableMap<IpFamily, IpAddress> subnetMin();

  /** Returns the base address of the last subnet that may be leased, per enabled family. */
  ImmutableMap<IpFamily, IpAddress> subnetMax();

  /** Returns the backend's name in lower case. */
  String backendType();

  /** Returns the backend's options. */
  BackendOptions backendOptions();

  /** Returns whether rules go to nftables rather than iptables. */
  boolean nftables();
}
