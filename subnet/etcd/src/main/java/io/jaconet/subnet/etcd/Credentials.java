package io.jaconet.subnet.etcd;

/** Who the store is to etcd. */
record Credentials(String user, String password) {

  /** Returns the user alone: the password must not get into a log. */
  @Override
  public String toString() {
    return "user " + user;
  }
}
