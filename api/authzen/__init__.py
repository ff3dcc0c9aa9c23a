"""OpenID AuthZEN's Authorization API 1.0: may this subject use this module?"""
