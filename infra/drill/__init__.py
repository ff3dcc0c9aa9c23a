"""The kill switch drill: how long until every process obeys, servers and SDKs alike."""
